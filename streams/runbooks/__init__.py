"""Runbooks: what each alert means, what to look at and what to do; as files, and as pages of the view.

The numbers come from the same places as the rules, so text and rules cannot differ. Nothing is read or sent here but by
`routes`, which answers.
"""
