"""facsmith: one face photo and FACS Action Units in, a facial-expression animation out."""

__version__ = "0.1.0"
