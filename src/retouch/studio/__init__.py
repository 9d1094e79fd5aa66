"""The web studio and the HTTP API, over one job queue.

The server holds no pixels and never imports torch: files are decoded by one child process, edits are done by
another for each device, and what passes between them is the paths of files in a work folder, and JSON.
"""
