"""Service level objectives: definitions, burn windows, burn rates, decisions. Vocabulary of the SRE workbook, chapter 5."""
