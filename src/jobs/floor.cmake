# The page that the job server shows is part of the program: whorl_embedded::page().
if(TARGET whorl_floor_jobs AND COMMAND whorl_embed)
  whorl_embed(whorl_floor_jobs "${PROJECT_SOURCE_DIR}/src/jobs/page")
endif()
