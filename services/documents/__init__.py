"""Invoices and statements for people: what they say, in which words, digits and dates.

Pure: what is read and who lays out the pages is the edge's.
"""
