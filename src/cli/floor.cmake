# The demo's weather is part of the program, so that it runs from anywhere: whorl_embedded::data().
whorl_embed(whorl_floor_cli "${PROJECT_SOURCE_DIR}/examples/data")
target_compile_definitions(whorl PRIVATE WHORL_VERSION="${PROJECT_VERSION}")
