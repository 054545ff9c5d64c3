"""Reports: a document of text, tables and plots, as Markdown with SVG files beside it and as one HTML page."""
