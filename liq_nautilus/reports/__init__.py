"""Tables to figures, figures to one offline HTML page."""
