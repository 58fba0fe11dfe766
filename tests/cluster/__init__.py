"""Two services on two LiveKit nodes behind HAProxy, with Redis and PostgreSQL: all real."""
