"""The commands of `rcx.cli`, a module and a function each.

A module imports only what its options need; torch and the rest are imported by the function, so
that help and mistyped options do not wait for them.
"""
