"""What several trials share."""
