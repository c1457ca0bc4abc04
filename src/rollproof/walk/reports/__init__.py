"""What a walk found, written for those who read it: machines, CI servers, reviewers, auditors.

plain      lines for a terminal or a log          github     annotations beside the lines of a pull request
junit      for CI servers                         html       one page with the history drawn as a strip
"""
