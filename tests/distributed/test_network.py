"""The network interface that data-parallel workers speak over."""

import os

import pytest
import ray

from pckd.distributed.network import interface_of, use_interface_of_node


def test_the_interface_of_an_address_is_found() -> None:
    assert interface_of("127.0.0.1") == "lo"
    assert interface_of("203.0.113.7") is None


def test_gloo_listens_where_ray_reaches_the_node(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray.util, "get_node_ip_address", lambda: "127.0.0.1")
    monkeypatch.setattr(os, "environ", {})
    use_interface_of_node()
    assert os.environ == {"GLOO_SOCKET_IFNAME": "lo"}
    os.environ["GLOO_SOCKET_IFNAME"] = "chosen"
    use_interface_of_node()
    assert os.environ == {"GLOO_SOCKET_IFNAME": "chosen"}
