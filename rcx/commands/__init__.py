"""The command line: a module for each command of ``rcx``, with its options and its messages.

Nothing else imports it. Its modules import torch only inside functions, so that help does not wait.
"""
