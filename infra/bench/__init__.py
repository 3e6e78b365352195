"""What this project costs, compared with what a user would use instead: `python -m infra.bench`.

Everything runs on this machine, against synthetic servers in processes of their own. Contenders alternate, and a figure
is the median of the ratios of each round: the machine may slow down for a while, the ratios hold.
"""
