"""A local PostgreSQL and Kafka, without Docker: for development and for the tests."""
