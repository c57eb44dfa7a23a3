"""Workers on several nodes join over the addresses at which Ray knows their nodes.

Left alone, gloo asks for the address of its own host name. Many machines answer 127.0.0.1, to which
no other node can connect.
"""

import fcntl
import os
import socket
import struct
from dataclasses import dataclass

import ray
from ray.train.torch.config import TorchConfig, _TorchBackend

SIOCGIFADDR = 0x8915
"""Linux: the IPv4 address of a network interface."""


def interface_of(address: str) -> str | None:
    """The network interface that has an IPv4 address; None if there is none, or not on Linux."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        for _, name in socket.if_nameindex():
            try:
                found = fcntl.ioctl(probe, SIOCGIFADDR, struct.pack("256s", name.encode()))
            except OSError:  # an interface without an address
                continue
            if socket.inet_ntoa(found[20:24]) == address:
                return name
    return None


def use_interface_of_node() -> None:
    """Make gloo listen where Ray reaches this node, unless the environment says otherwise."""
    name = interface_of(ray.util.get_node_ip_address())
    if name is not None:
        os.environ.setdefault("GLOO_SOCKET_IFNAME", name)


class _NodeBackend(_TorchBackend):
    def on_start(self, worker_group: "ray.train.WorkerGroup", backend_config: TorchConfig) -> None:
        worker_group.execute(use_interface_of_node)
        super().on_start(worker_group, backend_config)


@dataclass
class NodeTorchConfig(TorchConfig):
    """Ray's configuration of PyTorch's process group, after `use_interface_of_node`."""

    @property
    def backend_cls(self) -> type[_NodeBackend]:
        """Setup that Ray Train runs on the workers before training."""
        return _NodeBackend
