"""The account of a film: what was asked, what is measured on it, and with which model, settings and versions."""

from facsmith.receipt.film_record import FilmRecord
from facsmith.receipt.frame_reader import FrameReader
from facsmith.receipt.frame_stats import FrameStats
from facsmith.receipt.page import check_page, write_page
from facsmith.receipt.read import read_receipt
from facsmith.receipt.receipt import (
    Curves,
    KeyframeRecord,
    Leakage,
    Receipt,
    label,
    named,
    receipt_path,
    versions,
)
from facsmith.receipt.summary import ASKED

__all__ = [
    "ASKED",
    "Curves",
    "FilmRecord",
    "FrameReader",
    "FrameStats",
    "KeyframeRecord",
    "Leakage",
    "Receipt",
    "check_page",
    "label",
    "named",
    "read_receipt",
    "receipt_path",
    "versions",
    "write_page",
]
