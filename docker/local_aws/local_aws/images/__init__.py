"""Images of AWS's own that run here."""
