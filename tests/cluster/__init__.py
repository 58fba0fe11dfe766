"""Two services on two LiveKit nodes behind HAProxy, with Redis, PostgreSQL and S3: all real."""
