-- What a webhook was configured as when it was last looked at for that, as a number that differs where that differs; NULL:
-- not known, so that it is looked at.

ALTER TABLE webhook ADD COLUMN configured_as INTEGER;
