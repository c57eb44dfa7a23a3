"""Protocol `crd`: a linear layer trained by stochastic gradient descent on whole images.

After Tian et al., Contrastive Representation Distillation, ICLR 2020, whose code holds no probe:
the recipe is the one that re-implementations agree on. The encoder is frozen and in eval mode, and
the images are not augmented, so that features computed once are exactly those of every epoch.
"""

from pckd.transfer.frozen import FrozenTarget
from pckd.transfer.head import LinearHead
from pckd.transfer.sgd import SgdRecipe, fit_sgd
from pckd.transfer.showing import WHOLE

RECIPE = SgdRecipe(
    protocol="crd",
    epochs=100,
    batch_size=64,
    learning_rate=0.1,
    momentum=0.9,
    nesterov=False,
    weight_decay=0.0,
    decay_after=(30, 60, 90),
)

SHOWING = WHOLE


def fit(target: FrozenTarget, seed: int) -> LinearHead:
    """Train the layer; the seed gives its first weights and the order of the images.

    Raises:
        RunError: The training diverged.
    """
    return fit_sgd(RECIPE, target, seed)
