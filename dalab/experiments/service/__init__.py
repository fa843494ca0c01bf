"""The service that several sessions share: queue, limits, kept runs."""
