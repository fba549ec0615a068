"""The paper, reproduced: each of its experiments on a model, and what it did not measure, as one page with its data.

>>> bench = set_up(Animator.from_pretrained(), Path("report"), plan=Plan.quick())  # doctest: +SKIP
>>> reproduce(bench, Path("report")).page  # doctest: +SKIP
"""

from facsmith.lab.reproduce.bench import Bench, set_up
from facsmith.lab.reproduce.experiments import EXPERIMENTS
from facsmith.lab.reproduce.plan import Plan
from facsmith.lab.reproduce.run import Report, reproduce

__all__ = ["EXPERIMENTS", "Bench", "Plan", "Report", "reproduce", "set_up"]
