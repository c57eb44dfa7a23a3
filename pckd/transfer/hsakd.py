"""Protocol `hsakd`: a linear layer trained on random crops, as HSAKD's `eval_rep.py` does it.

After Yang et al., Hierarchical Self-supervised Augmented Knowledge Distillation, IJCAI 2021, from
whose script all values are, but for two that make features worth keeping:

* The script crops each image anew in every epoch. Here ten draws of crops are looked at, and the
  100 epochs take them in turn, so a network is run 10 times over the training images and not 100.
* The script crops images at their own size. Here they are held at twice the size that the network
  sees: TinyImageNet's own 64x64 for a network of 32x32 images, but not STL-10's 96x96.
"""

from pckd.transfer.frozen import FrozenTarget
from pckd.transfer.head import LinearHead
from pckd.transfer.sgd import SgdRecipe, fit_sgd
from pckd.transfer.showing import Showing

RECIPE = SgdRecipe(
    protocol="hsakd",
    epochs=100,
    batch_size=64,
    learning_rate=0.1,
    momentum=0.9,
    nesterov=True,
    weight_decay=0.0,
    decay_after=(30, 60, 90),
)

SHOWING = Showing(
    crops=10,
    normalisation={
        "stl10": ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
        "tiny-imagenet": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    },
)
"""Random crops and flips for training, a resized whole image for testing. The script normalises the
two targets in this way, whatever the network was trained with; others are normalised as for the
network.
"""


def fit(target: FrozenTarget, seed: int) -> LinearHead:
    """Train the layer; the seed gives its first weights and the order of the images.

    Raises:
        RunError: The training diverged.
    """
    return fit_sgd(RECIPE, target, seed)
