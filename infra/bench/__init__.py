"""What this project costs beside what a user would pick instead: `python -m infra.bench`.

Everything runs on this machine, against synthetic stand-ins in processes of their own. Contenders take turns, a figure
is the median of the ratios taken round by round: the machine may slow down for a while, the ratios hold.
"""
