"""Taking a stranger's repository on: what is in it, as a first system file and a first plan.

folder      the repository, walked within bounds     histories   migrations, by the tools' own detection
documents   YAML, JSON and TOML with their lines     compose     services and Postgres of compose files
blocks      tables of the file to be, with sources   dockerfile  port, command and health check of an image
render      the text of both files                   services    [service.*] out of these
settle      nothing is written that cannot be read   templates   CloudFormation, SAM and the CDK's output
coverage    which features apply                     resources   [function.*] and so on out of these
output      files, never over others                 smoke       commands that look like smoke tests
survey      all of it together                       cfnvalues   texts that a template computes
"""
