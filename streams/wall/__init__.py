"""The wall: the headline KPIs on one screen, live, in English and Dutch, with what each is made of behind it.

It shows readings and changes none: the numbers come from `metrics`, and only the words and the places are made here.
"""
