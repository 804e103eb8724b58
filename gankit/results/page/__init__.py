"""The report as one HTML page, with plots and samples."""
