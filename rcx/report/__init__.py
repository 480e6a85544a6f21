"""The report: chapters run through papermill, bound into a Jupyter Book.

A chapter is a jupytext percent script in ``book/``. :mod:`rcx.report.book` is the Sphinx
extension that runs every chapter when the book is built; :mod:`rcx.report.papermill_io` lets
``papermill book/<chapter>.py out.ipynb -p name value`` run one alone.
"""
