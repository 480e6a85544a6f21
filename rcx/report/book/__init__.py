"""How the book is built: chapters run through papermill inside Sphinx, and kept until they change.

It knows nothing of what the chapters show.
"""
