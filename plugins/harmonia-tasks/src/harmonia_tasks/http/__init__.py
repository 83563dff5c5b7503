"""The task type `http`: a request, or one request per page, and what came back.

Everything but `clients`, `exchange` and `check` is pure or nearly so; the network is
reached through harmonia_net alone, which is imported with the first request.
"""
