"""A PostgreSQL and a Kafka of one's own, without Docker: for development and for the tests."""
