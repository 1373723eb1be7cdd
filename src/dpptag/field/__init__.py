"""Field work: tag after tag at a reader, judged offline."""
