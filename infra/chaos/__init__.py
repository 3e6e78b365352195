"""The runner and the function among faults, kills and shortages; then every slot is accounted for."""
