"""Metrics of a probe on a target's test images: top-1 and mean average precision."""

from torch import Tensor


def top1(scores: Tensor, labels: Tensor) -> float:
    """The share of images, in percent, whose highest score is that of the right class.

    Args:
        scores: [N, M].
        labels: int64 [N].
    """
    return 100 * (scores.argmax(1) == labels).double().mean().item()


def mean_average_precision(scores: Tensor, labels: Tensor) -> float:
    """The mean over classes of scikit-learn's average precision, in percent.

    That is the sum over ranks of precision times the rise in recall, without interpolation. The
    challenge of 2007 interpolated at 11 recalls, which mostly gives other numbers. Of each class,
    images that are not counted for it (all of its objects there are difficult) are left out.

    Args:
        scores: [N, M].
        labels: int64 [N, M]: 1 where a class is there, 0 where it is not, -1 where not counted.
    """
    from sklearn.metrics import average_precision_score

    precisions = [
        average_precision_score(of_class[counted].numpy(), score[counted].numpy())
        for score, of_class in zip(scores.unbind(1), labels.unbind(1), strict=True)
        for counted in [of_class >= 0]
    ]
    return 100 * float(sum(precisions)) / len(precisions)
