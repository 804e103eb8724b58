"""A comparison as one page to send: tables, figure, samples and where they come from; see `gankit.results.page.report`."""
