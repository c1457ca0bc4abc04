-- Run once by the database's image, when its volume is made: the role that the application logs in as.
\getenv password LACREI_APP_PASSWORD
CREATE ROLE lacrei_app LOGIN PASSWORD :'password';
