"""A portal's rows from its file to PostgreSQL, and its packages from one store to another."""
