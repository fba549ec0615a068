"""How good is it? Checks that end in a table and a verdict.

>>> from facsmith.evaluate import animator_render, check
>>> check(animator_render(animator), [("her.jpg", photo)]).passed  # doctest: +SKIP
"""

from facsmith.evaluate.calibrate import calibrate_on_films
from facsmith.evaluate.check import Bar, Check, Reading, Render, Row, animator_render, check, table

__all__ = ["Bar", "Check", "Reading", "Render", "Row", "animator_render", "calibrate_on_films", "check", "table"]
