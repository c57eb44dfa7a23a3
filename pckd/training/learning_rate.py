"""The learning rate over the epochs of a run."""

from pckd.training.config import OptimizationConfig


def learning_rate_at(recipe: OptimizationConfig, epoch: int) -> float:
    """The learning rate of an epoch: drops act from the epoch after a share.

    With w epochs of warm-up the rate of epoch e is multiplied by e / (w + 1) where that is below 1:
    equal steps from epoch to epoch, the first full rate in epoch w + 1. The text has a warm-up for
    ImageNet [T], its length and form are lost [I].

    Args:
        recipe: The run's.
        epoch: From 1.
    """
    drops = sum(epoch > int(share * recipe.epochs + 0.5) for share in recipe.decay_at)
    warmth = min(1.0, epoch / (recipe.warmup_epochs + 1))
    return float(recipe.learning_rate * warmth * recipe.decay_factor**drops)
