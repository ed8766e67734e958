"""Fuzzing of the doors through which a package comes in: what each must do with any bytes, and who tries it."""
