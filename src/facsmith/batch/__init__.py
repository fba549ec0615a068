"""Many photos, big databases: the same functions, mapped over Ray or done one after the other in this process.

Rows become units of work (`units`) whose results are told by the hash of all that decides them. A worker (`worker`)
makes a result only where it is not there yet and shows it whole; a ledger (`ledger`) beside the results makes any later
run go on where an earlier one was stopped, however it was stopped. Runners (`runner`, `on_ray`) only carry units.
"""

from facsmith.batch.engine import REPORT, Standing, Summary, run_batch
from facsmith.batch.ledger import Ledger
from facsmith.batch.on_ray import OnRay, RayOptions, has_ray
from facsmith.batch.places import Place, fetch
from facsmith.batch.runner import Here, Runner, Task
from facsmith.batch.units import Entry, Job, Outcome, Plain, Refusal, Unit, Work, address_of
from facsmith.batch.worker import present

__all__ = [
    "REPORT",
    "Entry",
    "Here",
    "Job",
    "Ledger",
    "OnRay",
    "Outcome",
    "Place",
    "Plain",
    "RayOptions",
    "Refusal",
    "Runner",
    "Standing",
    "Summary",
    "Task",
    "Unit",
    "Work",
    "address_of",
    "fetch",
    "has_ray",
    "present",
    "run_batch",
]
