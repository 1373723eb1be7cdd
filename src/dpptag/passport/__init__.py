"""UNTP product passports in, the pointer that a tag carries out."""

from dpptag.passport.reading import digest_multibase, read_passport

__all__ = ["digest_multibase", "read_passport"]
