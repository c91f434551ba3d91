"""Who may do what, as data: a row for each operation and kind of thing it is about, a column for each actor.

The tenant acme is "own" to its learner, staff, author, admin and owner, named for their roles in its organizations, and
to the API keys that its owner made: ``key`` with every scope, ``reader`` with members:read only. ``stranger`` is an
owner of the tenant globex, whose things are "foreign"; ``nobody`` is a member nowhere; ``operator`` is a superuser.
What is "missing" never was. All ask on a host name of the platform's own.

A foreign thing reads as a missing one.
"""

ACTORS = (
    "anonymous",
    "nobody",
    "stranger",
    "learner",
    "staff",
    "author",
    "admin",
    "owner",
    "operator",
    "key",
    "reader",
)

# route             method target   anon nob  str  lea  sta  aut  adm  own  ope  key  reader
MATRIX = """
me                   get    own      401  200  200  200  200  200  200  200  200  200  200
tenants              get    own      401  200  200  200  200  200  200  200  200  200  403
tenants              post   own      401  403  403  403  403  403  403  403  201  403  403
tenant               get    own      401  404  404  200  200  200  200  200  200  200  403
tenant               get    foreign  401  404  200  404  404  404  404  404  200  404  403
tenant               get    missing  401  404  404  404  404  404  404  404  404  404  403
tenant               patch  own      401  404  404  403  403  403  403  403  200  403  403
tenant               patch  foreign  401  404  403  404  404  404  404  404  200  404  403
tenant               patch  missing  401  404  404  404  404  404  404  404  404  404  403
domains              get    own      401  403  200  403  403  403  200  200  200  200  403
domains              post   own      401  404  404  403  403  403  403  403  201  403  403
domains              post   foreign  401  404  403  404  404  404  404  404  201  404  403
domains              post   missing  401  404  404  404  404  404  404  404  404  404  403
domain               get    own      401  404  404  403  403  403  200  200  200  200  403
domain               get    foreign  401  404  200  404  404  404  404  404  200  404  403
domain               get    missing  401  404  404  404  404  404  404  404  404  404  403
domain               patch  own      401  404  404  403  403  403  403  403  200  403  403
domain               patch  foreign  401  404  403  404  404  404  404  404  200  404  403
domain               patch  missing  401  404  404  404  404  404  404  404  404  404  403
domain               delete own      401  404  404  403  403  403  403  403  204  403  403
domain               delete foreign  401  404  403  404  404  404  404  404  204  404  403
domain               delete missing  401  404  404  404  404  404  404  404  404  404  403
organizations        get    own      401  200  200  200  200  200  200  200  200  200  403
organizations        post   own      401  404  404  403  403  403  403  403  201  403  403
organizations        post   foreign  401  404  403  404  404  404  404  404  201  404  403
organizations        post   missing  401  404  404  404  404  404  404  404  404  404  403
organization         get    own      401  404  404  200  200  200  200  200  200  200  403
organization         get    foreign  401  404  200  404  404  404  404  404  200  404  403
organization         get    missing  401  404  404  404  404  404  404  404  404  404  403
organization         delete own      401  404  404  403  403  403  403  403  204  403  403
organization         delete foreign  401  404  403  404  404  404  404  404  204  404  403
organization         delete missing  401  404  404  404  404  404  404  404  404  404  403
members              get    own      401  403  200  403  200  200  200  200  200  200  200
members              post   own      401  404  404  403  403  403  201  201  201  201  403
members              post   foreign  401  404  403  404  404  404  404  404  201  404  403
members              post   missing  401  404  404  404  404  404  404  404  404  404  403
member               get    own      401  404  404  403  200  200  200  200  200  200  200
member               get    foreign  401  404  200  404  404  404  404  404  200  404  404
member               get    missing  401  404  404  404  404  404  404  404  404  404  404
member               patch  own      401  404  404  403  403  403  200  200  200  200  403
member               patch  foreign  401  404  200  404  404  404  404  404  200  404  403
member               patch  missing  401  404  404  404  404  404  404  404  404  404  403
member               delete own      401  404  404  403  403  403  204  204  204  204  403
member               delete foreign  401  404  204  404  404  404  404  404  204  404  403
member               delete missing  401  404  404  404  404  404  404  404  404  404  403
invitations          get    own      401  403  200  403  403  403  200  200  200  200  403
invitations          post   own      401  404  404  403  403  403  201  201  201  201  403
invitations          post   foreign  401  404  403  404  404  404  404  404  201  404  403
invitations          post   missing  401  404  404  404  404  404  404  404  404  404  403
invitation           get    own      401  404  404  403  403  403  200  200  200  200  403
invitation           get    foreign  401  404  200  404  404  404  404  404  200  404  403
invitation           get    missing  401  404  404  404  404  404  404  404  404  404  403
invitation           delete own      401  404  404  403  403  403  204  204  204  204  403
invitation           delete foreign  401  404  204  404  404  404  404  404  204  404  403
invitation           delete missing  401  404  404  404  404  404  404  404  404  404  403
invitation_resend    post   own      401  404  404  403  403  403  200  200  200  200  403
invitation_resend    post   foreign  401  404  200  404  404  404  404  404  200  404  403
invitation_resend    post   missing  401  404  404  404  404  404  404  404  404  404  403
config               get    own      401  404  404  403  403  403  200  200  200  200  403
config               get    foreign  401  404  200  404  404  404  404  404  200  404  403
config               get    missing  401  404  404  404  404  404  404  404  404  404  403
config               patch  own      401  404  404  403  403  403  200  200  200  200  403
config               patch  foreign  401  404  200  404  404  404  404  404  200  404  403
config               patch  missing  401  404  404  404  404  404  404  404  404  404  403
config_history       get    own      401  404  404  403  403  403  200  200  200  200  403
config_history       get    foreign  401  404  200  404  404  404  404  404  200  404  403
config_history       get    missing  401  404  404  404  404  404  404  404  404  404  403
config_revision      get    own      401  404  404  403  403  403  200  200  200  200  403
config_revision      get    foreign  401  404  200  404  404  404  404  404  200  404  403
config_revision      get    missing  401  404  404  404  404  404  404  404  404  404  403
config_rollback      post   own      401  404  404  403  403  403  200  200  200  200  403
config_rollback      post   foreign  401  404  200  404  404  404  404  404  200  404  403
config_rollback      post   missing  401  404  404  404  404  404  404  404  404  404  403
config_draft         get    own      401  404  404  403  403  403  200  200  200  200  403
config_draft         get    foreign  401  404  200  404  404  404  404  404  200  404  403
config_draft         get    missing  401  404  404  404  404  404  404  404  404  404  403
config_draft         patch  own      401  404  404  403  403  403  200  200  200  200  403
config_draft         patch  foreign  401  404  200  404  404  404  404  404  200  404  403
config_draft         patch  missing  401  404  404  404  404  404  404  404  404  404  403
config_draft         delete own      401  404  404  403  403  403  204  204  204  204  403
config_draft         delete foreign  401  404  204  404  404  404  404  404  204  404  403
config_draft         delete missing  401  404  404  404  404  404  404  404  404  404  403
config_draft_publish post   own      401  404  404  403  403  403  200  200  200  200  403
config_draft_publish post   foreign  401  404  200  404  404  404  404  404  200  404  403
config_draft_publish post   missing  401  404  404  404  404  404  404  404  404  404  403
audit                get    own      401  403  200  403  403  403  200  200  200  200  403
audit_export         get    own      401  403  200  403  403  403  200  200  200  200  403
keys                 get    own      401  403  200  403  403  403  403  200  200  403  403
keys                 post   own      401  403  404  403  403  403  403  201  201  403  403
keys                 post   foreign  401  403  201  403  403  403  403  404  201  403  403
keys                 post   missing  401  403  404  403  403  403  403  404  404  403  403
key                  get    own      401  404  404  403  403  403  403  200  200  403  403
key                  get    foreign  401  404  200  404  404  404  404  404  200  403  403
key                  get    missing  401  404  404  404  404  404  404  404  404  403  403
key                  delete own      401  404  404  403  403  403  403  204  204  403  403
key                  delete foreign  401  404  204  404  404  404  404  404  204  403  403
key                  delete missing  401  404  404  404  404  404  404  404  404  403  403
schema               get    own      200  200  200  200  200  200  200  200  200  200  200
"""
