"""What is shown: figures, tables and claims made from result rows; nothing is computed here."""
