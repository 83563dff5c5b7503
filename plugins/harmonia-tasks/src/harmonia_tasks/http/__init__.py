"""The task type `http`: a request, or one request per page, and what came back.

Everything but `outbound`, `exchange` and `pages` is pure or nearly so; the network is
reached through harmonia_net alone, which is imported with the first check or request.
"""
