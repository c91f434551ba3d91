"""The numbers to hold, measured: ``make bench``. docs/performance.rst says how, and keeps the figures."""
