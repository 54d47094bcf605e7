-- What people say and do: about an episode, and to the visitors of a site.

-- +goose Up
-- A log; the newest row of a pair (ack/unack, mute/unmute) rules.
CREATE TABLE surge_mark (
    surge_id    text NOT NULL REFERENCES surge (id),
    number      integer NOT NULL CHECK (number >= 1),
    kind        text NOT NULL CHECK (kind IN ('ack', 'unack', 'mute', 'unmute', 'note')),
    set_by      text NOT NULL,
    note        text NOT NULL,
    until       timestamptz, -- mute: when it ends by itself
    probability double precision, -- ack: the chance then; one that rises by half clears it
    at          timestamptz NOT NULL,
    PRIMARY KEY (surge_id, number)
);
CREATE TRIGGER surge_mark_append_only BEFORE UPDATE OR DELETE ON surge_mark
    FOR EACH ROW EXECUTE FUNCTION refuse_change();

-- What visitors are told, in the owner's words. The newest row of a site rules; a site without one has no page.
CREATE TABLE notice (
    site_id     bigint NOT NULL REFERENCES site (id) ON DELETE CASCADE,
    number      integer NOT NULL CHECK (number >= 1),
    shown       boolean NOT NULL, -- the page is public
    part        text NOT NULL,    -- what is affected: "Checkout"; empty: the whole site
    words       text NOT NULL,    -- owner's own; empty: the service's sentence alone
    ahead       boolean NOT NULL, -- an alert may be announced before anything is over
    reference   text NOT NULL,    -- what visitors quote when they ask
    since       timestamptz,      -- the outage the owner declares; NULL: none
    back_from   timestamptz,      -- … estimate of its end, from
    back_by     timestamptz CHECK (back_by >= back_from), -- … and by
    set_by      text NOT NULL,
    set_at      timestamptz NOT NULL,
    PRIMARY KEY (site_id, number)
);

-- +goose Down
DROP TABLE notice, surge_mark;
