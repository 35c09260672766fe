"""The report: tables, figures and one HTML file from a record."""

from epsball.report.write import write_report

__all__ = ["write_report"]
