"""SLOs: definitions, burn windows, burn rates, decisions, in the words of the SRE workbook, chapter 5."""
