-- The newest live row tells whether the clock was set back since; void rows do not count, so that a row made with a
-- clock that ran ahead can be given up.

CREATE INDEX live_rows_by_change ON rows (changed_at) WHERE state <> 'void';
