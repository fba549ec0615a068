"""How good is it? Checks that end in a table and a verdict.

>>> from facsmith.lab.evaluate import animator_render, check
>>> check(animator_render(animator), [("her.jpg", photo)]).passed  # doctest: +SKIP
"""

from facsmith.lab.evaluate.check import Check, Reading, Render, Row, Thresholds, animator_render, check, table

__all__ = ["Check", "Reading", "Render", "Row", "Thresholds", "animator_render", "check", "table"]
