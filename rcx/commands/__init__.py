"""The command line: a module for each command of ``rcx``.

A module imports only what its options need. The function imports torch and the rest, so that help
does not wait for them.
"""
